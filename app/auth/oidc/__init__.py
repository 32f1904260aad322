"""Single sign-on with the province's own provider (OpenID Connect), beside accounts with a password."""
