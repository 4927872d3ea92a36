import { createApp, h, ref } from 'vue';
import 'https://otp.example.com/js/otp-verify.js';

/** In a template: `<otp-verify name="proof" purpose="signup" required @otp-verified="...">`, with `isCustomElement` set. */
const SignUp = {
  setup() {
    const proof = ref(null);
    return () => h('form', { action: '/signup', method: 'post' }, [
      h('otp-verify', { name: 'proof', purpose: 'signup', required: true, onOtpVerified: ({ detail }) => { proof.value = detail.token; } }),
      h('button', { id: 'done', disabled: proof.value === null }, 'Sign up'),
    ]);
  },
};

createApp(SignUp).mount('#app');
