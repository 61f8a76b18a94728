"""One file per filter; `hn_assets.filters.discovery` finds every filter that stands here."""
