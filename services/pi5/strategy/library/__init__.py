"""The strategies that come with the system; each module is an example of a plug-in."""
