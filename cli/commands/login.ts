import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const LOGIN_HELP = `
Prints an address and a code. Open the address in a browser, on any machine, check the code, and
log in. The session is kept in ~/.config/envtier (XDG_CONFIG_HOME), in a file that only you can
read, one for each API. It is refreshed when it ends soon. ENVTIER_API_TOKEN and
ENVTIER_API_TOKEN_FILE win over it.

The API names the issuer and the client. Options win over what it says.

Environment:
  ENVTIER_API_URL   address of the secrets API
  ENVTIER_API_CA    CA certificates: PEM text, or the path of a file
  ENVTIER_OIDC_CA   the same for the issuer, if they are others

Examples:
  envtier login
  envtier login --issuer https://id.example.com --client-id envtier
`;

/** `envtier login` */
export function loginCommand(context: Context) {
	return new Command('login')
		.summary('log in at the issuer of the secrets API, with a browser')
		.description('Logs in at the issuer of the secrets API by a code that you enter in a browser.')
		.option('--issuer <url>', 'the issuer')
		.option('--client-id <id>', 'the client of the command line there')
		.option('--audience <text>', 'the audience of the API')
		.option('--scopes <text>', 'scopes to ask for, parted by blanks')
		.addHelpText('after', LOGIN_HELP)
		.action(async (options) => {
			const { login } = await import('../login/run.ts');
			await login(options, context);
		});
}

/** `envtier logout` */
export function logoutCommand(context: Context) {
	return new Command('logout')
		.summary('end the session of envtier login')
		.description('Removes the session of `envtier login`, and revokes it at the issuer.')
		.addHelpText('after', '\nExamples:\n  envtier logout\n')
		.action(async () => {
			const { logout } = await import('../login/run.ts');
			await logout(context);
		});
}

/** `envtier whoami` */
export function whoamiCommand(context: Context) {
	return new Command('whoami')
		.summary('show who the secrets API takes you for')
		.description('Shows who the secrets API takes you for: subject, organization, roles and scopes.')
		.addOption(outputOption())
		.addHelpText('after', `${API_HELP}\nExamples:\n  envtier whoami\n`)
		.action(async ({ output }) => {
			const { whoami } = await import('../login/run.ts');
			await whoami(output, context);
		});
}
