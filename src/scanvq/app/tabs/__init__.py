"""The tabs of the app, one a file: components, and which function of `scanvq.app` they call."""
