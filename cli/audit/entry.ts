/** One audit entry of the API; see docs/api.md#audit. */
export interface AuditEntry {
	readonly time: string;
	readonly phase: 'intent' | 'result';
	readonly actor: string;
	readonly via: string;
	readonly action: string;
	readonly eventId: string;
	readonly scope: string;
	readonly key: string;
	readonly requestId: string;
	readonly ip: string;
	readonly replica: string;
	readonly sequence: number;
	readonly result?: string;
	readonly status?: number;
	readonly version?: number;
	readonly org?: string;
	readonly email?: string;
	readonly secretType?: string;
	readonly elevation?: string;
	readonly reason?: string;
	readonly loadedBy?: string;
}

/** The fields of an entry, in the order of the columns of CSV. */
export const FIELDS = [
	...([
		'time',
		'phase',
		'result',
		'status',
		'actor',
		'email',
		'via',
		'org',
		'action',
		'scope',
		'key',
		'version',
	] as const),
	...(['secretType', 'elevation', 'reason', 'requestId', 'ip', 'eventId', 'replica', 'sequence'] as const),
	'loadedBy',
] as const satisfies readonly (keyof AuditEntry)[];
