/** Exit codes of the command. Scripts depend on them, so a number never changes its meaning. */
export const EXIT_CODES = {
	ok: { code: 0, meaning: 'done; for `explain`: the webhook would inject' },
	failed: { code: 1, meaning: 'something did not work; for `doctor`: a check failed' },
	usage: { code: 2, meaning: 'wrong usage: an option, a setting or an input file' },
	skip: { code: 3, meaning: '`explain`: the webhook would leave a pod as it is' },
	reject: { code: 4, meaning: '`explain`: the webhook would refuse a pod' },
	denied: {
		code: 5,
		meaning: 'the secrets API or the cluster does not let you: no or bad credentials, or not yours',
	},
	absent: { code: 6, meaning: 'there is no such thing' },
	conflict: { code: 7, meaning: 'it exists already' },
	unavailable: { code: 8, meaning: 'the server does not answer, or cannot serve now: trying again may help' },
	internal: { code: 70, meaning: 'a defect of Envtier' },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>;

/** The name of an exit code. */
export type ExitStatus = keyof typeof EXIT_CODES;
