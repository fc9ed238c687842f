"""Push notifications: web push, FCM, and the subscriptions' secrets."""
