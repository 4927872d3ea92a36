import { createElement as h, useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'https://otp.example.com/js/otp-verify.js';

/** From React 19 on, custom elements take properties and events as they are: `on` and the event's name. */
function SignUp() {
  const [proof, setProof] = useState(null);
  return h('form', { action: '/signup', method: 'post' },
    h('otp-verify', { name: 'proof', purpose: 'signup', required: true, 'onotp-verified': ({ detail }) => setProof(detail.token) }),
    h('button', { id: 'done', disabled: proof === null }, 'Sign up'));
}

createRoot(document.getElementById('app')).render(h(SignUp));
