"""The Discord chat: discord.py speaks to Discord, Talk to the member, and nothing of either is known elsewhere."""
