/**
 * Exit codes of the fetcher. They start at 20, because Node uses 1–13 and shells use 126 and higher codes.
 * `cure` is the general advice for a code. A message with more specific advice shows that instead.
 */
export const EXIT_CODES = {
	ok: { code: 0, meaning: 'every file was written', cure: '' },
	settings: {
		code: 20,
		meaning: 'a setting is missing or malformed, or the token file cannot be read',
		cure: 'look at the ENVTIER_* variables of the init container; they come from the webhook',
	},
	'login-refused': {
		code: 21,
		meaning: 'Vault refused the login',
		cure: 'compare the role’s bound service accounts, namespaces and audience with the pod’s',
	},
	'read-refused': {
		code: 22,
		meaning: 'the login worked, but a policy does not allow a tier to be listed or a key to be read',
		cure: 'add the policy line that the message prints',
	},
	'required-missing': {
		code: 23,
		meaning: 'a key that the pod’s annotations name exists in none of the tiers',
		cure: 'create the key in one of the tiers, or take it out of the annotation that the message names',
	},
	unreachable: {
		code: 24,
		meaning: 'Vault did not answer before the deadline',
		cure: 'check Vault’s address, DNS, network policies and Vault’s own health',
	},
	sealed: {
		code: 25,
		meaning: 'Vault is sealed or not initialized, and stayed so until the deadline',
		cure: 'unseal Vault',
	},
	'write-failed': {
		code: 26,
		meaning: 'a file could not be written',
		cure: 'the volume is full, read-only or owned by someone else: the message says which',
	},
	'secret-unusable': {
		code: 27,
		meaning: 'a secret cannot be delivered: no text in the field "value", or bytes that a format cannot hold',
		cure: 'set the named key again',
	},
	'bad-answer': {
		code: 28,
		meaning: 'the server that answered is not Vault: an error that no retry fixes, a redirect, or no JSON',
		cure: 'check that the address leads to Vault itself and that the KV mount and its version are right',
	},
	tls: {
		code: 29,
		meaning: 'the TLS connection to Vault cannot be trusted',
		cure: 'check ENVTIER_VAULT_CA, the certificate’s names and its dates',
	},
	'not-opened': {
		code: 30,
		meaning:
			'a sealed value of the pod does not open: it was sealed for another namespace, deployment, scope or Vault, or has been altered',
		cure: 'seal the value again with "envtier seal", for the namespace and deployment in which the pod runs',
	},
	'code-variable': {
		code: 31,
		meaning:
			'a secret would become an environment variable that makes programs run code (LD_PRELOAD, NODE_OPTIONS, …), and the pod does not allow it',
		cure: 'delete the key, give it another name with envtier.dev/keys, take it as a file or as JSON, or name the variable in envtier.dev/allow',
	},
	internal: { code: 70, meaning: 'a defect of Envtier', cure: 'please report it with the log' },
	terminated: { code: 143, meaning: 'ended by SIGTERM before everything was written', cure: '' },
} as const satisfies Record<string, ExitCode>;

/** One exit code with its meaning. */
export interface ExitCode {
	/** The process's exit status. */
	readonly code: number;
	readonly meaning: string;
	readonly cure: string;
}

/** The name of an exit code in logs and termination messages. */
export type ExitReason = keyof typeof EXIT_CODES;
