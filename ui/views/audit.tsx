import { useAuditCsv } from '../lib/audit-csv.ts';
import { useApp } from '../lib/context.ts';
import { replaceQuery } from '../lib/router.ts';
import { useAudit } from '../lib/use-audit.ts';
import { Counted } from '../parts/counted.tsx';
import { Field } from '../parts/field.tsx';
import { FilterInput } from '../parts/filter-input.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When, Who } from '../parts/when.tsx';
import { type AuditEntry, type AuditFilter, auditFilterOf, shownEntries } from '../state/audit.ts';

/** Who did what. */
export function AuditView({ query }: { readonly query: URLSearchParams }) {
	const filter = auditFilterOf(query);
	const { org } = useApp();
	const loaded = useAudit(filter);
	return (
		<>
			<h1>Audit</h1>
			<Filters filter={filter} />
			<p class="hint">
				{filter.deployment
					? `Calls on ${filter.deployment}.`
					: `Calls on the organization ${org} and its deployments.`}
			</p>
			<Shown loaded={loaded} what="the audit">
				{(entries) => {
					const shown = shownEntries(entries);
					if (shown.length === 0 && loaded.more === undefined)
						return (
							<Empty title="No entries">
								<p>Choose a longer time, or clear the filters.</p>
							</Empty>
						);
					return (
						<Counted
							pages={loaded}
							what="entry"
							many="entries"
							shown={shown.length}
							beside={<Download key={JSON.stringify(filter)} filter={filter} />}
						>
							<Entries entries={shown} />
						</Counted>
					);
				}}
			</Shown>
		</>
	);
}

function Filters({ filter }: { readonly filter: AuditFilter }) {
	const texts: readonly (readonly [keyof AuditFilter, string, string])[] = [
		['deployment', 'Deployment', 'all of the organization'],
		['actor', 'Who', 'user:ada'],
		['action', 'Action', 'secrets.update'],
		['key', 'Key', 'DATABASE_URL'],
	];
	return (
		<form class="toolbar" onSubmit={(event) => event.preventDefault()}>
			{texts.map(([name, label, placeholder]) => (
				<Field key={name} label={label}>
					<FilterInput
						value={filter[name]}
						placeholder={placeholder}
						onDone={(text) => replaceQuery({ [name]: text })}
					/>
				</Field>
			))}
			<Field label="Time">
				<select value={filter.days} onChange={(event) => replaceQuery({ days: event.currentTarget.value })}>
					<option value="1">Last day</option>
					<option value="7">Last 7 days</option>
					<option value="30">Last 30 days</option>
					<option value="365">Last year</option>
				</select>
			</Field>
		</form>
	);
}

function Entries({ entries }: { readonly entries: readonly AuditEntry[] }) {
	return (
		<Table heads={['When', 'Who', 'Action', 'Where', 'Result']}>
			{entries.map((one, index) => (
				<tr key={`${one.requestId} ${index}`}>
					<td data-label="When">
						<When time={one.time} />
					</td>
					<td data-label="Who">
						<Who subject={one.actor} />
					</td>
					<td data-label="Action">{one.action}</td>
					<td data-label="Where">
						{one.scope} {one.key && <strong>{one.key}</strong>}
						{one.reason && <p class="hint">{one.reason}</p>}
					</td>
					<td data-label="Result">
						{one.result} <span class="hint">{one.status}</span>
					</td>
				</tr>
			))}
		</Table>
	);
}

/** Saves all entries of the filter as a file. It says how far it is. */
function Download({ filter }: { readonly filter: AuditFilter }) {
	const { read, note, start, cancel } = useAuditCsv(filter);
	return (
		<>
			{read === undefined ? (
				<button type="button" class="button" onClick={() => void start()}>
					Download as CSV
				</button>
			) : (
				<button type="button" class="button" onClick={cancel}>
					Stop the download
				</button>
			)}
			<span class="count" role="status">
				{read === undefined ? note : `${read.toLocaleString('en')} entries read …`}
			</span>
		</>
	);
}
