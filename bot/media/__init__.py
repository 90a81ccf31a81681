"""Pictures in, videos out: each piece of work in a process of its own, so that no file can harm the bot.

`client` is the bot's side and light; `pictures` and `videos` hold the work and the heavy libraries, and are imported
only by `python -m bot.media`.
"""
