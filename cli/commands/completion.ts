import { Argument, Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { SHELLS } from '../completion/scripts.ts';
import type { Context } from '../context.ts';

const HELP = `
Examples:
  # bash, in ~/.bashrc
  source <(envtier completion bash)

  # zsh, in ~/.zshrc, after compinit
  source <(envtier completion zsh)

  # fish
  envtier completion fish > ~/.config/fish/completions/envtier.fish
`;

/** `envtier completion` */
export function completionCommand(context: Context) {
	return new Command('completion')
		.summary('print the script that completes envtier in a shell')
		.description('Prints the script that completes commands, options and their values in a shell.')
		.addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
		.addHelpText('after', HELP)
		.action(async (shell) => {
			const { SCRIPTS } = await import('../completion/scripts.ts');
			context.stdout.write(SCRIPTS[shell]);
		});
}

/** `envtier __complete`, which the scripts call. */
export function completeCommand(context: Context, program: () => CommandUnknownOpts) {
	return new Command('__complete').argument('[word...]').action(async (words) => {
		const { complete, candidateLines } = await import('../completion/complete.ts');
		context.stdout.write(candidateLines(complete(program(), words)));
	});
}
