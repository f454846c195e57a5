"""What limits are made of: buckets, networks, bans. Pure: whoever asks tells the time."""
