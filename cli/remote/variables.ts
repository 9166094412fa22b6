/** Variables with the address and the credentials of the secrets API, and their meaning for help texts. */
export const API_VARIABLES = {
	ENVTIER_API_URL: 'address of the secrets API, such as https://envtier.example.com',
	ENVTIER_API_TOKEN: 'API key, session or Kubernetes token; without one: `envtier login`',
	ENVTIER_API_TOKEN_FILE: 'file that holds it instead',
	ENVTIER_API_CA: 'CA certificates: PEM text, or the path of a file',
	ENVTIER_API_ORG: 'your organization, where a command needs to know it',
} as const;
