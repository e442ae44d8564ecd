// The host page's own script: its server knows who is signed in, and mints a key for a few minutes.
document.querySelector("preceptor-chat").getToken = async () => (await fetch("key")).text();
