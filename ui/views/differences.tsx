import { Empty } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When } from '../parts/when.tsx';
import { type Compared, DIFFERENCE_TEXTS, type EffectiveKey } from '../state/compare.ts';

/** The keys of two deployments side by side, and the way to add the missing ones. */
export function Differences(props: {
	readonly here: string;
	readonly there: string;
	readonly all: readonly Compared[];
	readonly onlyDifferent: boolean;
	readonly onToggle: (only: boolean) => void;
	readonly onAdd: (to: string, keys: readonly string[]) => void;
}) {
	const { here, there, all, onlyDifferent } = props;
	const shown = onlyDifferent
		? all.filter(({ difference }) => difference !== 'shared' && difference !== 'same-version')
		: all;
	const lacking = (kind: Compared['difference']): readonly string[] =>
		all.filter(({ difference }) => difference === kind).map(({ key }) => key);
	const [there_, here_] = [lacking('only-here'), lacking('only-there')];
	return (
		<>
			<div class="toolbar">
				<label class="check">
					<input
						type="checkbox"
						checked={onlyDifferent}
						onChange={(event) => props.onToggle(event.currentTarget.checked)}
					/>
					Only differences
				</label>
				<div class="actions">
					{there_.length > 0 && (
						<button type="button" class="button" onClick={() => props.onAdd(there, there_)}>
							Add {there_.length} missing to {there}
						</button>
					)}
					{here_.length > 0 && (
						<button type="button" class="button" onClick={() => props.onAdd(here, here_)}>
							Add {here_.length} missing to {here}
						</button>
					)}
				</div>
			</div>
			{shown.length === 0 ? (
				<Empty title="No differences">
					<p>Both have the same keys. Their values may still differ: nobody here can read them.</p>
				</Empty>
			) : (
				<Table heads={['Key', here, there, 'Difference']}>
					{shown.map((one) => (
						<tr key={one.key}>
							<th scope="row">{one.key}</th>
							<td data-label={here}>
								<Side secret={one.here} />
							</td>
							<td data-label={there}>
								<Side secret={one.there} />
							</td>
							<td data-label="Difference">
								<span class={one.difference.startsWith('only') ? 'badge warn' : undefined}>
									{DIFFERENCE_TEXTS[one.difference]}
								</span>
							</td>
						</tr>
					))}
				</Table>
			)}
		</>
	);
}

function Side({ secret }: { readonly secret: EffectiveKey | undefined }) {
	if (secret === undefined) return <span class="chip chip-missing">missing</span>;
	return (
		<>
			<span class="chip chip-live">{secret.tier}</span> version {secret.version},{' '}
			<When time={secret.updatedAt} />
		</>
	);
}
