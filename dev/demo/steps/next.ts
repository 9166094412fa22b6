import type { Screen } from '../screen.ts';

/** Shows what to try next. */
export function showNext(screen: Screen, seconds: number): void {
	screen.heading('What to try next');
	screen.table(
		['do', 'and see'],
		[
			['make demo VALUES=1', 'the values, too'],
			['make demo POD=examples/migration.yaml', 'another pod, or one that you have changed'],
			['make demo SECRETS=my.yaml', 'other secrets: a changed copy of examples/vault.yaml'],
			['read docs/tutorial.md', 'from nothing to a running pod on a cluster'],
			['read docs/reference.md', 'all annotations, settings and exit codes'],
			['read docs/how-it-works.md', 'what is guaranteed, and what happens when something fails'],
			['make test', 'the same against a real API server and a real OpenBao'],
		],
	);
	screen.say(screen.paint('faint', `Done in ${seconds.toFixed(1)} s; nothing is left running.`));
}
