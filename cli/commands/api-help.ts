import { API_VARIABLES } from '../remote/variables.ts';

const WIDTH = Math.max(...Object.keys(API_VARIABLES).map((name) => name.length)) + 3;

/** Help text about the API's settings, for every command that uses the API. */
export const API_HELP = `
Environment:
${Object.entries(API_VARIABLES)
	.map(([name, meaning]) => `  ${name.padEnd(WIDTH)}${meaning}`)
	.join('\n')}
`;
