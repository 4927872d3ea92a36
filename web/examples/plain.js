// Optional: the form works without. What happens is told by events.
const told = document.getElementById('told');
document.addEventListener('otp-progress', ({ detail }) => { told.textContent = detail.phase; });
document.addEventListener('otp-verified', ({ detail }) => { told.textContent = `proof of ${detail.token.length} characters`; });
