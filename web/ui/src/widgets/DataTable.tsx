// Tables of figures: caption, scopes, sortable headers, and fewer columns on narrow screens.
import { memo, type ReactNode, useState } from "react";
import styles from "./DataTable.module.css";
import { Icon } from "./Icon";
import { nextSort, type Sort, sortRows } from "./sorting";

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** Right-aligned, for figures. */
  numeric?: boolean;
  /** Makes the column sortable. */
  compare?: (left: Row, right: Row) => number;
  /** The narrowest screen that has room for it. */
  from?: "phone" | "tablet" | "laptop";
  /** Keeps long text in one line with an ellipsis. */
  clip?: boolean;
  /** Lets long text go on in a second line. */
  wrap?: boolean;
}

interface DataTableProps<Row> {
  caption: string;
  /** Made once, outside the component or memoised: rows are only drawn again when these change. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  initialSort?: Sort;
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { caption, columns, rowKey } = props;
  const [sort, setSort] = useState<Sort | null>(props.initialSort ?? null);
  const sorted = columns.find((column) => column.id === sort?.column);
  const rows = sort ? sortRows(props.rows, sorted?.compare, sort.direction) : props.rows;
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeaderCell
                key={column.id}
                column={column as Column<unknown>}
                sort={sort}
                onSort={() => setSort(nextSort(sort, column.id))}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <TableRow key={rowKey(row)} row={row} columns={columns as readonly Column<unknown>[]} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf(column: Column<unknown>): string {
  const classes = [
    column.numeric && styles.numeric,
    column.clip && styles.clip,
    column.wrap && styles.wrap,
    column.from && styles[column.from],
  ];
  return classes.filter(Boolean).join(" ");
}

interface HeaderCellProps {
  column: Column<unknown>;
  sort: Sort | null;
  onSort: () => void;
}

function HeaderCell({ column, sort, onSort }: HeaderCellProps) {
  if (!column.compare) {
    return (
      <th scope="col" className={classOf(column)}>
        {column.header || <span className="visually-hidden">Actions</span>}
      </th>
    );
  }
  const direction = sort?.column === column.id ? sort.direction : undefined;
  return (
    <th scope="col" className={classOf(column)} aria-sort={direction ?? "none"}>
      <button type="button" className={styles.sort} onClick={onSort}>
        {column.header}
        <span className={direction ? styles.arrow : styles.arrowHidden}>
          <Icon name={direction ?? "ascending"} size={12} />
        </span>
      </button>
    </th>
  );
}

interface TableRowProps {
  row: unknown;
  columns: readonly Column<unknown>[];
}

const TableRow = memo(function TableRow({ row, columns }: TableRowProps) {
  return (
    <tr>
      {columns.map((column, index) =>
        index === 0 ? (
          <th key={column.id} scope="row" className={classOf(column)}>
            {column.cell(row)}
          </th>
        ) : (
          <td key={column.id} className={classOf(column)}>
            {column.cell(row)}
          </td>
        ),
      )}
    </tr>
  );
});
