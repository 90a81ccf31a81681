"""KIE's API: the client is `bot.kie.client.KieClient`; everything that needs no network is a pure module beside it."""
