"""Units: the bodies whose service is rated, and the tree they form."""
