"""The questionnaires that come with the product, one JSON file each; `catalogue` reads and checks them."""
