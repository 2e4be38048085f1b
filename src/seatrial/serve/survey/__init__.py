"""Survey: about twenty small requests that show what a server really does.

`run.survey` asks, `probes` holds what is asked, `survey` the values. Nothing is imported here:
lint needs the values without the HTTP client.
"""
