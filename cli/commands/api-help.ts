import { API_VARIABLES } from '../remote/variables.ts';

const WIDTH = Math.max(...Object.keys(API_VARIABLES).map((name) => name.length)) + 3;

/** What every command over the API says of its settings. */
export const API_HELP = `
Environment:
${Object.entries(API_VARIABLES)
	.map(([name, meaning]) => `  ${name.padEnd(WIDTH)}${meaning}`)
	.join('\n')}
`;
