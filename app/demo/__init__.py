"""The demonstration: invented enterprises, tickets and logins for a city, the same ones every time."""
