"""What has happened: history, the activity feed, notifications, statistics, and the reactions that write them."""
