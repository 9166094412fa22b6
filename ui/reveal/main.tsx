import '../styles/reveal.css';
import { render } from 'preact';
import { RevealPage } from './page.tsx';

const root = document.querySelector('#app');
if (root !== null) render(<RevealPage />, root);
