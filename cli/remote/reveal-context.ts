import type { Context } from '../context.ts';

/** Variables with the address and the credentials of the Reveal program, and their meaning for help texts. */
export const REVEAL_VARIABLES = {
	ENVTIER_REVEAL_URL: 'address of the Reveal program, where it is installed',
	ENVTIER_REVEAL_TOKEN: 'session or Kubernetes token for the audience envtier-reveal alone',
	ENVTIER_REVEAL_TOKEN_FILE: 'file that holds it instead',
	ENVTIER_REVEAL_CA: 'CA certificates: PEM text, or the path of a file (default: ENVTIER_API_CA)',
} as const;

/**
 * The same context with the Reveal program in place of the secrets API, so that commands reach it in the same
 * way. The token of the API is not sent there.
 */
export function revealContext(context: Context): Context {
	const { env } = context;
	return {
		...context,
		env: {
			...env,
			ENVTIER_API_URL: env['ENVTIER_REVEAL_URL'],
			ENVTIER_API_TOKEN: env['ENVTIER_REVEAL_TOKEN'],
			ENVTIER_API_TOKEN_FILE: env['ENVTIER_REVEAL_TOKEN_FILE'],
			ENVTIER_API_CA: env['ENVTIER_REVEAL_CA'] || env['ENVTIER_API_CA'],
		},
	};
}

/** The program that changes who has access: the Reveal program where it is installed. */
export function accessContext(context: Context): Context {
	return context.env['ENVTIER_REVEAL_URL'] ? revealContext(context) : context;
}

/** What is missing in the environment for the Reveal program; undefined if nothing is. */
export function missingReveal({ env }: Context): string | undefined {
	if (!env['ENVTIER_REVEAL_URL'])
		return 'ENVTIER_REVEAL_URL is not set: only the Reveal program shows values';
	return env['ENVTIER_REVEAL_TOKEN'] || env['ENVTIER_REVEAL_TOKEN_FILE']
		? undefined
		: `neither ENVTIER_REVEAL_TOKEN nor ENVTIER_REVEAL_TOKEN_FILE is set: ${REVEAL_VARIABLES.ENVTIER_REVEAL_TOKEN}`;
}
