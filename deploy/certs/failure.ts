/**
 * An error that a person can correct: its message says what failed and what to do. Any other error is a
 * defect.
 */
export class CertsFailure extends Error {
	override readonly name = 'CertsFailure';
}
