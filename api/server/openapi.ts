import { z } from 'zod';
import { SCHEMAS, type SchemaName } from '../schemas/named.ts';
import type { DocumentedResponse, Operation } from './operation.ts';

/** An OpenAPI 3.1 document: plain JSON. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

const NAME_PARAMETER = {
	name: 'name',
	in: 'path',
	required: true,
	schema: { type: 'string' },
} as const;
const ORG_PARAMETER = {
	name: 'Envtier-Org',
	in: 'header',
	required: false,
	description:
		'the organization that the call is about: for Kubernetes callers, and for sessions of several organizations',
	schema: { type: 'string' },
} as const;

const IDEMPOTENCY_PARAMETER = {
	name: 'Idempotency-Key',
	in: 'header',
	required: false,
	description:
		'the same in a repetition of the same call: a repetition finishes an interrupted change of a typed secret, and repeats nothing that is done',
	schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
} as const;

/** Responses that every call may get. */
const ALWAYS: Readonly<Record<number, DocumentedResponse>> = {
	400: { description: 'the body, the query or a header is malformed', schema: 'Problem' },
	401: { description: 'no credentials, or credentials that are not valid', schema: 'Problem' },
	403: { description: 'a scope or role is missing', schema: 'Problem' },
	429: {
		description:
			'too many calls, or too many failed logins (see Retry-After); or too many overwrites of one key',
		schema: 'Problem',
	},
	500: { description: 'the secret store failed', schema: 'Problem' },
	503: {
		description: 'no store is configured, or whoever checks the credentials is away',
		schema: 'Problem',
	},
};
const WITH_BODY: Readonly<Record<number, DocumentedResponse>> = {
	413: { description: 'the body is too large', schema: 'Problem' },
	415: { description: 'the body is not JSON', schema: 'Problem' },
};

/** The OpenAPI document of `operations`. It uses the same schemas that check the bodies. */
export function openApiOf(operations: readonly Operation[], version: string): OpenApiDocument {
	const paths: Record<string, Record<string, unknown>> = {};
	for (const operation of operations) {
		const others = paths[operation.path];
		paths[operation.path] = { ...others, [operation.method]: describe(operation) };
	}
	return {
		openapi: '3.1.0',
		info: {
			title: 'Envtier secrets API',
			version,
			description:
				'Manages the secrets of pods. It writes values to Vault and never returns one. ' +
				'A method that a path does not list is answered as components/responses/MethodNotAllowed says.',
			license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
		},
		security: [{ bearer: [] }],
		paths,
		components: {
			securitySchemes: {
				bearer: {
					type: 'http',
					scheme: 'bearer',
					description: 'an API key (envtier_…), a session JWT, or a Kubernetes service-account token',
				},
			},
			responses: {
				MethodNotAllowed: {
					description: '405: the path takes other methods; the header Allow names them',
					headers: { Allow: { schema: { type: 'string' } } },
					content: contentOf('Problem'),
				},
			},
			schemas: Object.fromEntries(Object.keys(SCHEMAS).map((name) => [name, schemaOf(name as SchemaName)])),
		},
	};
}

function schemaOf(name: SchemaName): object {
	// The schema of the input: a field with a default is optional there.
	const { $schema: _, ...schema } = z.toJSONSchema(SCHEMAS[name], { io: 'input', target: 'draft-2020-12' });
	return schema;
}

function describe(operation: Operation): object {
	const { id, summary, body, yaml, query, responses, never = [] } = operation;
	const usual = Object.entries({ ...ALWAYS, ...(body === undefined ? {} : WITH_BODY) });
	const everything: Readonly<Record<number, DocumentedResponse>> = {
		...Object.fromEntries(usual.filter(([status]) => !never.includes(Number(status)))),
		...responses,
	};
	return {
		operationId: id,
		summary,
		parameters: [
			...(operation.path.includes('{name}') ? [NAME_PARAMETER] : []),
			...(query === undefined ? [] : queryParameters(query)),
			ORG_PARAMETER,
			...(operation.idempotent === true ? [IDEMPOTENCY_PARAMETER] : []),
		],
		...(body === undefined ? {} : { requestBody: bodyOf(body, yaml === true) }),
		responses: Object.fromEntries(
			Object.entries(everything).map(([status, { description, schema, headers }]) => [
				status,
				{
					description,
					...(headers === undefined ? {} : { headers: headersOf(headers) }),
					...(schema === undefined ? {} : { content: contentOf(schema) }),
				},
			]),
		),
	};
}

function headersOf(headers: Readonly<Record<string, string>>): object {
	return Object.fromEntries(
		Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
	);
}

function contentOf(schema: SchemaName): object {
	return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}

function bodyOf(schema: SchemaName, yaml: boolean): object {
	const content = contentOf(schema);
	const both = yaml
		? { ...content, 'application/yaml': { schema: { $ref: `#/components/schemas/${schema}` } } }
		: content;
	return { required: true, content: both };
}

function queryParameters(name: SchemaName): readonly object[] {
	const { properties = {} } = schemaOf(name) as { properties?: Record<string, { description?: string }> };
	return Object.entries(properties).map(([field, { description, ...schema }]) => ({
		name: field,
		in: 'query',
		required: false,
		...(description === undefined ? {} : { description }),
		schema,
	}));
}
