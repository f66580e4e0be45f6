"""What has waited long enough, or was decided, is done: by the deeds that had put it off."""
