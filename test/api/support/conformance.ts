import { Ajv2020 } from 'ajv/dist/2020.js';
import type { OpenApiDocument } from '../../../api/server/openapi.ts';
import type { Answer } from '../../support/http.ts';

/** Checks answers against an OpenAPI document, and remembers which promises were kept. */
export interface Conformance {
	/** Throws when an answer is not what the document promises. Paths outside `/api` are not described. */
	check(method: string, path: string, answer: Answer): void;
	/** `operation status` of every answer so far. */
	produced(): ReadonlySet<string>;
	/** `operation status` of everything that the document promises. */
	promised(): readonly string[];
}

interface Described {
	readonly operationId: string;
	readonly responses: Readonly<Record<string, { content?: { 'application/json': { schema: object } } }>>;
}

/** Reads the document with ajv, which knows nothing of the code that the document was made from. */
export function conformance(document: OpenApiDocument): Conformance {
	const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
	ajv.addSchema({ $id: 'openapi', ...document });
	const paths = document['paths'] as Record<string, Record<string, Described>>;
	const seen = new Set<string>();
	return {
		check: (method, path, answer) => {
			const described = find(paths, method, path.replace(/\?.*$/, ''));
			if (described === undefined) return;
			const { operationId, responses } = described;
			const promise = responses[String(answer.status)];
			if (promise === undefined)
				throw new Error(`${operationId}: status ${answer.status} is not documented: ${answer.text}`);
			const schema = promise.content?.['application/json'].schema as { $ref: string };
			const validate = ajv.compile({ $ref: `openapi${schema.$ref}` });
			if (!validate(answer.json))
				throw new Error(
					`${operationId} ${answer.status}: ${ajv.errorsText(validate.errors)} in ${answer.text}`,
				);
			seen.add(`${operationId} ${answer.status}`);
		},
		produced: () => seen,
		promised: () =>
			Object.values(paths).flatMap((methods) =>
				Object.values(methods).flatMap(({ operationId, responses }) =>
					Object.keys(responses).map((status) => `${operationId} ${status}`),
				),
			),
	};
}

function find(
	paths: Record<string, Record<string, Described>>,
	method: string,
	path: string,
): Described | undefined {
	const exact = paths[path]?.[method.toLowerCase()];
	if (exact !== undefined) return exact;
	const template = Object.keys(paths).find((one) =>
		new RegExp(`^${one.replace('{name}', '[^/]*')}$`).test(path),
	);
	return template === undefined ? undefined : paths[template]?.[method.toLowerCase()];
}
