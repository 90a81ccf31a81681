"""Telegram, by aiogram. Imported only when there is a token: the import costs two seconds and 170 MB."""
