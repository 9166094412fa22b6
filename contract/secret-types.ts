import { isKey } from './keys.ts';

/** How a key is best consumed: as an environment variable, or as a file of a volume. */
export type Sourcing = 'env' | 'volume';

/** The form of a field or option: text, a number, true or false, or a list of texts. */
export type FieldKind = 'text' | 'number' | 'flag' | 'list';

/** A field, or an option of the generation, of a type. */
export interface TypeField {
	readonly kind: FieldKind;
	readonly meaning: string;
	/** True for a field that holds a value that must not be seen, such as a password. */
	readonly secret?: true;
}

/** A key of a type: NAME, or NAME and a suffix. */
export interface TypeKey {
	/** Empty: the key is NAME itself. */
	readonly suffix: string;
	readonly sourcing: Sourcing;
	/** True for a key that a secret of the type may lack. */
	readonly optional?: true;
}

/** A type of secret: its fields, what is generated, and its keys by part. */
export interface SecretTypeInfo {
	readonly meaning: string;
	readonly fields: Readonly<Record<string, TypeField>>;
	/** Options of the generation; undefined when nothing is generated. */
	readonly generate?: Readonly<Record<string, TypeField>>;
	/** True when NAME may be empty. Otherwise NAME is required. */
	readonly bare?: true;
	readonly keys: Readonly<Record<string, TypeKey>>;
}

const length = { kind: 'number', meaning: 'characters, 8 to 1024; 32 by default' } as const;
const charset = {
	kind: 'text',
	meaning: 'alnum (default), alnum-symbol or hex',
} as const;
const hosts = { kind: 'list', meaning: 'DNS names and IP addresses of the server, 1 to 50' } as const;

/** Every type of secret, by its name. One secret of a type is one or more keys in the same folder. */
export const SECRET_TYPES = {
	generic: {
		meaning: 'any text',
		fields: { value: { kind: 'text', meaning: 'the value', secret: true } },
		keys: { value: { suffix: '', sourcing: 'env' } },
	},
	password: {
		meaning: 'a password',
		fields: { password: { kind: 'text', meaning: 'the password', secret: true } },
		generate: { length, charset },
		keys: { password: { suffix: '', sourcing: 'env' } },
	},
	userpass: {
		meaning: 'a user name and a password, and if wanted a line for htpasswd',
		fields: {
			username: { kind: 'text', meaning: 'the user name, without ":" and line breaks, at most 255 bytes' },
			password: { kind: 'text', meaning: 'the password; with htpasswd at most 72 bytes', secret: true },
			htpasswd: { kind: 'flag', meaning: 'true also makes NAME_HTPASSWD, hashed with bcrypt' },
		},
		generate: { length, charset },
		keys: {
			username: { suffix: 'USERNAME', sourcing: 'env' },
			password: { suffix: 'PASSWORD', sourcing: 'env' },
			htpasswd: { suffix: 'HTPASSWD', sourcing: 'volume', optional: true },
		},
	},
	tls: {
		meaning: 'certificates and keys of a server and of its client, and their CA',
		fields: {
			caCert: { kind: 'text', meaning: 'PEM certificates of the CA' },
			serverCert: { kind: 'text', meaning: 'PEM certificate of the server, and its chain' },
			serverKey: { kind: 'text', meaning: 'its private key', secret: true },
			clientCert: { kind: 'text', meaning: 'PEM certificate of the client' },
			clientKey: { kind: 'text', meaning: 'its private key', secret: true },
			hosts: { kind: 'list', meaning: 'names that the certificate of the server must have' },
		},
		generate: {
			hosts,
			days: { kind: 'number', meaning: 'validity in days, 1 to 3650; 365 by default' },
		},
		keys: {
			caCert: { suffix: 'CA_CERT', sourcing: 'volume' },
			serverCert: { suffix: 'SERVER_CERT', sourcing: 'volume' },
			serverKey: { suffix: 'SERVER_KEY', sourcing: 'volume' },
			clientCert: { suffix: 'CLIENT_CERT', sourcing: 'volume', optional: true },
			clientKey: { suffix: 'CLIENT_KEY', sourcing: 'volume', optional: true },
		},
	},
	ssh: {
		meaning: 'an SSH key pair',
		fields: {
			privateKey: { kind: 'text', meaning: 'the private key, without a passphrase', secret: true },
			publicKey: { kind: 'text', meaning: 'the public key; derived when absent' },
		},
		generate: { comment: { kind: 'text', meaning: 'comment of the public key, at most 100 characters' } },
		keys: {
			privateKey: { suffix: 'PRIVATE_KEY', sourcing: 'volume' },
			publicKey: { suffix: 'PUBLIC_KEY', sourcing: 'volume' },
		},
	},
	aws: {
		meaning: 'an access key of AWS',
		fields: {
			accessKeyId: { kind: 'text', meaning: 'the id of the access key' },
			secretAccessKey: { kind: 'text', meaning: 'the secret access key', secret: true },
			sessionToken: { kind: 'text', meaning: 'the session token of temporary credentials', secret: true },
			region: { kind: 'text', meaning: 'the region' },
		},
		bare: true,
		keys: {
			accessKeyId: { suffix: 'AWS_ACCESS_KEY_ID', sourcing: 'env' },
			secretAccessKey: { suffix: 'AWS_SECRET_ACCESS_KEY', sourcing: 'env' },
			sessionToken: { suffix: 'AWS_SESSION_TOKEN', sourcing: 'env', optional: true },
			region: { suffix: 'AWS_REGION', sourcing: 'env', optional: true },
		},
	},
	gcp: {
		meaning: 'a service-account key of Google Cloud',
		fields: { credentials: { kind: 'text', meaning: 'the JSON file of the key', secret: true } },
		bare: true,
		keys: { credentials: { suffix: 'GOOGLE_APPLICATION_CREDENTIALS', sourcing: 'volume' } },
	},
	azure: {
		meaning: 'a service principal of Azure',
		fields: {
			tenantId: { kind: 'text', meaning: 'the tenant' },
			clientId: { kind: 'text', meaning: 'the application' },
			clientSecret: { kind: 'text', meaning: 'its client secret', secret: true },
		},
		bare: true,
		keys: {
			tenantId: { suffix: 'AZURE_TENANT_ID', sourcing: 'env' },
			clientId: { suffix: 'AZURE_CLIENT_ID', sourcing: 'env' },
			clientSecret: { suffix: 'AZURE_CLIENT_SECRET', sourcing: 'env' },
		},
	},
	kubeconfig: {
		meaning: 'access to a Kubernetes cluster',
		fields: { kubeconfig: { kind: 'text', meaning: 'the file', secret: true } },
		keys: { kubeconfig: { suffix: '', sourcing: 'volume' } },
	},
} as const satisfies Readonly<Record<string, SecretTypeInfo>>;

/** The name of a type. */
export type SecretTypeName = keyof typeof SECRET_TYPES;

/** The names of all types. */
export const SECRET_TYPE_NAMES = Object.keys(SECRET_TYPES) as readonly SecretTypeName[];

/** The description of a type. */
export function typeInfo(type: SecretTypeName): SecretTypeInfo {
	return SECRET_TYPES[type];
}

/** True for the name of a type. */
export function isSecretType(text: string): text is SecretTypeName {
	return Object.hasOwn(SECRET_TYPES, text);
}

/** A key of a typed secret: which part of the secret it holds, and how it is best consumed. */
export interface TypedKey {
	readonly key: string;
	readonly part: string;
	readonly sourcing: Sourcing;
	readonly optional: boolean;
}

/** The keys that a secret of this type and name can have, in the order in which they are written. */
export function typedKeys(type: SecretTypeName, name: string): readonly TypedKey[] {
	return Object.entries(typeInfo(type).keys).map(([part, { suffix, sourcing, optional = false }]) => ({
		key: [name, suffix].filter((word) => word !== '').join('_'),
		part,
		sourcing,
		optional,
	}));
}

/** The typed secrets that have this key if they exist: their types and names. */
export function typedOwnersOf(
	key: string,
): readonly { readonly type: SecretTypeName; readonly name: string }[] {
	const types = SECRET_TYPE_NAMES.filter((type) => type !== 'generic');
	return types.flatMap((type) =>
		Object.values(typeInfo(type).keys).flatMap(({ suffix }) => {
			const name = nameOf(key, suffix);
			return name !== undefined && isTypedName(type, name) ? [{ type, name }] : [];
		}),
	);
}

/** NAME of a key that ends with this suffix; undefined if it does not. */
function nameOf(key: string, suffix: string): string | undefined {
	if (suffix === '' || key === suffix) return suffix === '' ? key : '';
	return key.endsWith(`_${suffix}`) ? key.slice(0, -suffix.length - 1) : undefined;
}

/** The maximum length of a key, which must also be possible as a file name (the format `files`). */
export const KEY_MAX = 255;

/** True when each key of a secret of this type and name is a valid key. */
export function isTypedName(type: SecretTypeName, name: string): boolean {
	if (name === '') return typeInfo(type).bare === true;
	return isKey(name) && typedKeys(type, name).every(({ key }) => key.length <= KEY_MAX);
}
