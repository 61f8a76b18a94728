"""One file per filter; `hn_assets.filters.all_filters` finds every filter that stands here."""
