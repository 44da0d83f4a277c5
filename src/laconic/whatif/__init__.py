"""What if: the same conversation under other memories, models and laws. Nothing here touches the world."""
