// Sorting of tables by one column.

export type Direction = "ascending" | "descending";

export interface Sort {
  column: string;
  direction: Direction;
}

/** The sort after a press on a column's header: a new column ascends, the same one turns round. */
export function nextSort(sort: Sort | null, column: string): Sort {
  const turn = sort?.column === column && sort.direction === "ascending";
  return { column, direction: turn ? "descending" : "ascending" };
}

/** A sorted copy; rows that compare as equal keep their order in both directions. */
export function sortRows<Row>(
  rows: readonly Row[],
  compare: ((left: Row, right: Row) => number) | undefined,
  direction: Direction,
): readonly Row[] {
  if (!compare) return rows;
  const sign = direction === "ascending" ? 1 : -1;
  return [...rows].sort((left, right) => sign * compare(left, right));
}

/** Order of counts, which travel as text where a number could not hold them. */
export function compareCounts(
  left: number | string | null | undefined,
  right: number | string | null | undefined,
): number {
  return Number(left ?? 0) - Number(right ?? 0);
}

/** Order of words in the reader's alphabet, numbers inside them by value. */
export function compareText(left: string | null | undefined, right: string | null | undefined) {
  return (left ?? "").localeCompare(right ?? "", "en", { numeric: true });
}
