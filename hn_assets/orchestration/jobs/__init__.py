"""What starts a dataset's stages, and what tells people how it went: jobs, schedules, sensors."""
