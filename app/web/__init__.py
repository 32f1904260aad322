"""What citizens touch: the page behind the QR code on a receipt, and the page of the tablet at the desk."""
