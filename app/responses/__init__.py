"""The heart: taking what citizens say, once, safely, and without a way back to them."""
