import type { z } from 'zod';
import { ok, type Result } from '../../contract/result.ts';
import type { AuditNote } from '../../lib/audit/lines.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import type { AccessMode } from '../access/authorize.ts';
import type { AuditStore } from '../audit/store/store.ts';
import type { Caller } from '../auth/caller.ts';
import type { Permission } from '../auth/permission.ts';
import type { NameRule } from '../deployments/name-rules.ts';
import type { UndoQueue } from '../deployments/recovery.ts';
import { type Problem, refuse } from '../problem.ts';
import type { RevealServices } from '../reveal/services.ts';
import { validationMessage } from '../schemas/common.ts';
import type { SchemaName } from '../schemas/named.ts';
import type { AuditStamp } from '../secrets/metadata.ts';
import type { ReadVersion } from '../secrets/versions.ts';
import type { Store } from '../store/store.ts';
import type { Generators } from '../types/generators.ts';

/** Dependencies of an operation. */
export interface Services {
	readonly store: Store;
	readonly undoQueue: UndoQueue;
	readonly now: () => Date;
	/** Makes passwords, keys and certificates. */
	readonly generators: Generators;
	/** Which program this is, and whether it may change who has access. */
	readonly accessMode: AccessMode;
	/** The address of the Reveal program, if it is installed beside the API. */
	readonly revealUrl: string | undefined;
	/** Undefined in every program but the Reveal program. */
	readonly reveal: RevealServices | undefined;
	/** Names of deployments that the operator reserved. */
	readonly nameRules: readonly NameRule[];
	/** Undefined when none is configured. */
	readonly auditStore: AuditStore | undefined;
	/** The longest time in days between `since` and `until` of a query of the audit store. */
	readonly auditRetention: number;
	/** Maximum number of versions that one key may get per hour. */
	readonly overwritesPerHour: number;
	/** Reads the value of a version, for `restore`. Only the Reveal program has it. */
	readonly readVersion?: ReadVersion | undefined;
}

/** One call of an operation, after authentication and authorization. */
export interface Call<Input> extends Services {
	readonly caller: Caller;
	readonly auditStamp: AuditStamp;
	/** The checked body; for operations without a body, the checked query. */
	readonly input: Input;
	/** The segment `{name}` of the path, if the operation has one. */
	readonly name: string;
	/** Checks whether the caller has a further permission; `name` is the resourceName for RBAC. */
	readonly authorize: (permission: Permission, name?: string) => Promise<Result<void, Problem>>;
	/** Notes the locations of the call for the audit. Call it before anything is changed. */
	readonly note: (...notes: readonly AuditNote[]) => void;
	/** Audits one step of the operation, such as the copy of one secret. */
	readonly step: RecordStep;
	/**
	 * Writes the intent lines, and waits until the audit store has them. For operations that must not happen
	 * without an entry. Call it after `note`, and before the effect. The error is a 503.
	 */
	readonly requireAudit: () => Promise<Result<void, Problem>>;
	/** Notes for the audit that a version was written by other means than `store`. */
	readonly wrote: (path: string, version: number) => void;
	readonly requestId: string;
	/** The header `Idempotency-Key`: the same in a repetition of the same call. */
	readonly idempotencyKey: string | undefined;
}

/** A successful reply. */
export interface Reply {
	readonly status: 200 | 201;
	readonly body: unknown;
	readonly headers?: Readonly<Record<string, string>>;
}

/** A response that the OpenAPI document lists. */
export interface DocumentedResponse {
	readonly description: string;
	readonly schema?: SchemaName;
	/** Headers of the response, each with its meaning. */
	readonly headers?: Readonly<Record<string, string>>;
}

/** An operation of the API. The routes and the OpenAPI document are made from it. */
export interface Operation {
	readonly method: 'get' | 'post' | 'put' | 'delete';
	/** `{name}` stands for one segment. */
	readonly path: string;
	/** Also the action of the audit line. */
	readonly id: string;
	readonly summary: string;
	readonly permission: Permission;
	/** True when RBAC needs a resourceName from the input. Then `run` authorizes the call itself. */
	readonly named: boolean;
	readonly body?: SchemaName;
	/** True when a body may also be YAML. */
	readonly yaml?: true;
	readonly query?: SchemaName;
	/** True when the operation uses the header `Idempotency-Key`. */
	readonly idempotent?: true;
	readonly responses: Readonly<Record<number, DocumentedResponse>>;
	/**
	 * True if nothing may change without an entry in the audit store: while that is away, the call is a 503. For
	 * an operation that only sometimes needs it there is `requireAudit`.
	 */
	readonly needsEntry?: true;
	/** Usual statuses that this operation never has. */
	readonly never?: readonly number[];
	/** `raw` is the decoded body or the query; `{ query, body }` where the operation has both. */
	run(call: Omit<Call<unknown>, 'input'>, raw: unknown): Promise<Result<Reply, Problem>>;
}

/**
 * Makes an operation with a checked input. Unknown fields are errors, because a mistyped field must not be
 * ignored.
 *
 * @param nameOf the resourceName for RBAC; without it RBAC gets no name
 */
export function operation<S extends z.ZodType>(
	what: Omit<Operation, 'run' | 'named'>,
	input: S,
	handle: (call: Call<z.output<S>>) => Promise<Result<Reply, Problem>>,
	nameOf?: (input: z.output<S>) => string,
): Operation {
	const read = (raw: unknown): Result<z.output<S>, Problem> => {
		const parsed = input.safeParse(raw, { reportInput: true });
		return parsed.success ? ok(parsed.data) : refuse(400, validationMessage(parsed.error));
	};
	return operationOf(what, read, handle, nameOf);
}

/** Makes an operation as `operation` does, from a function that reads its input. */
export function operationOf<Input>(
	what: Omit<Operation, 'run' | 'named'>,
	read: (raw: unknown) => Result<Input, Problem>,
	handle: (call: Call<Input>) => Promise<Result<Reply, Problem>>,
	nameOf?: (input: Input) => string,
): Operation {
	return {
		...what,
		named: nameOf !== undefined,
		run: async (call, raw) => {
			const input = read(raw);
			if (!input.ok) return input;
			if (nameOf !== undefined) {
				const allowed = await call.authorize(what.permission, nameOf(input.value));
				if (!allowed.ok) return allowed;
			}
			return await handle({ ...call, input: input.value });
		},
	};
}

/** A successful reply. */
export const reply = (
	status: Reply['status'],
	body: unknown,
	headers: Readonly<Record<string, string>> = {},
): Result<Reply, never> => ok({ status, body, headers });
