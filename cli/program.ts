import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import manifest from '../package.json' with { type: 'json' };
import { auditCommand } from './commands/audit.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { consumersCommand } from './commands/consumers.ts';
import { deploymentsCommand } from './commands/deployments.ts';
import { doctorCommand } from './commands/doctor.ts';
import { diffCommand, effectiveCommand } from './commands/effective.ts';
import { explainCommand } from './commands/explain.ts';
import { keysCommand } from './commands/keys.ts';
import { loginCommand, logoutCommand, whoamiCommand } from './commands/login.ts';
import { policyCommand } from './commands/policy.ts';
import { refreshCommand } from './commands/refresh.ts';
import { elevateCommand } from './commands/reveal.ts';
import { sealCommand } from './commands/seal.ts';
import { secretsCommand } from './commands/secrets.ts';
import { statusCommand } from './commands/status.ts';
import { templatesCommand } from './commands/templates.ts';
import { vaultCommand } from './commands/vault.ts';
import type { Context } from './context.ts';
import { EXIT_CODES, type ExitStatus } from './exit-codes.ts';

/** Creates the whole command line. The code of a command is loaded when it runs. */
export function createProgram(context: Context) {
	const program = new Command('envtier')
		.description('Secrets for Kubernetes pods from HashiCorp Vault or OpenBao, by two annotations.')
		.version(manifest.version, '-V, --version', 'show the version')
		.addCommand(explainCommand(context))
		.addCommand(doctorCommand(context))
		.addCommand(policyCommand(context))
		.addCommand(refreshCommand(context))
		.addCommand(statusCommand(context))
		.addCommand(secretsCommand(context))
		.addCommand(templatesCommand(context))
		.addCommand(deploymentsCommand(context))
		.addCommand(elevateCommand(context))
		.addCommand(effectiveCommand(context))
		.addCommand(diffCommand(context))
		.addCommand(consumersCommand(context))
		.addCommand(auditCommand(context))
		.addCommand(loginCommand(context))
		.addCommand(logoutCommand(context))
		.addCommand(whoamiCommand(context))
		.addCommand(keysCommand(context))
		.addCommand(sealCommand(context))
		.addCommand(vaultCommand(context))
		.addCommand(completionCommand(context));
	program.addCommand(
		completeCommand(context, () => program as CommandUnknownOpts),
		{ hidden: true },
	);
	configureCommand(program as CommandUnknownOpts, context);
	return program;
}

/** Configures a command and its subcommands: output streams, exit codes, and common help texts. */
function configureCommand(command: CommandUnknownOpts, context: Context): void {
	const { stdout, stderr } = context;
	command
		.exitOverride()
		.helpOption('-h, --help', 'show help')
		.showHelpAfterError(`Try: ${commandPath(command)} --help`)
		.configureOutput({
			writeOut: stdout.write,
			writeErr: stderr.write,
			outputError: (message, write) =>
				write(`${stderr.paint('bad', 'error:')} ${message.replace(/^error: /, '')}`),
		});
	if (command.commands.length > 0) command.helpCommand('help [command]', 'show help on a command');
	for (const child of command.commands) configureCommand(child, context);
}

function commandPath(command: { name(): string; parent: unknown }): string {
	const parent = command.parent as typeof command | null;
	return parent === null ? command.name() : `${commandPath(parent)} ${command.name()}`;
}

/** Runs one command line (without the program's own name). Returns the exit code. Throws only for defects. */
export async function run(args: readonly string[], processContext: Omit<Context, 'end'>): Promise<number> {
	let ending: ExitStatus = 'ok';
	const context: Context = {
		...processContext,
		end: (how) => {
			ending = how;
		},
	};
	try {
		await createProgram(context).parseAsync(args, { from: 'user' });
	} catch (error) {
		if (!(error instanceof CommanderError)) throw error;
		return error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
	}
	return EXIT_CODES[ending].code;
}
