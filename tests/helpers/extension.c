/* An extension of SQLite as an application may have one: a function, a collation and a module of virtual tables. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

/* half(x): the half of a number, and the first half of a text. */
static void half(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  if (sqlite3_value_type(values[0]) == SQLITE_TEXT) {
    sqlite3_result_text(context, (const char *)sqlite3_value_text(values[0]), sqlite3_value_bytes(values[0]) / 2,
                        SQLITE_TRANSIENT);
  } else if (sqlite3_value_type(values[0]) != SQLITE_NULL) {
    sqlite3_result_int64(context, sqlite3_value_int64(values[0]) / 2);
  }
}

/* The collation LENGTH: short texts before long ones, and equal ones by their bytes. */
static int by_length(void *data, int n1, const void *text1, int n2, const void *text2) {
  (void)data;
  return n1 != n2 ? n1 - n2 : memcmp(text1, text2, (size_t)n1);
}

/* The module counting: CREATE VIRTUAL TABLE name USING counting(n) has the rows 1 to n. */
typedef struct { sqlite3_vtab base; sqlite3_int64 most; } Table;
typedef struct { sqlite3_vtab_cursor base; sqlite3_int64 at; } Cursor;

static int begin(sqlite3 *db, void *data, int count, const char *const *words, sqlite3_vtab **result, char **error) {
  (void)data; (void)error;
  Table *table = sqlite3_malloc(sizeof *table);
  if (table == NULL) return SQLITE_NOMEM;
  memset(table, 0, sizeof *table);
  table->most = count > 3 ? atoll(words[3]) : 3;
  *result = &table->base;
  return sqlite3_declare_vtab(db, "CREATE TABLE x (number INTEGER)");
}
static int end(sqlite3_vtab *table) { sqlite3_free(table); return SQLITE_OK; }
static int plan(sqlite3_vtab *table, sqlite3_index_info *info) { (void)table; info->estimatedCost = 10; return SQLITE_OK; }
static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **result) {
  (void)table;
  Cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (cursor == NULL) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *result = &cursor->base;
  return SQLITE_OK;
}
static int close_cursor(sqlite3_vtab_cursor *cursor) { sqlite3_free(cursor); return SQLITE_OK; }
static int first(sqlite3_vtab_cursor *cursor, int number, const char *text, int count, sqlite3_value **values) {
  (void)number; (void)text; (void)count; (void)values;
  ((Cursor *)cursor)->at = 1;
  return SQLITE_OK;
}
static int next(sqlite3_vtab_cursor *cursor) { ((Cursor *)cursor)->at++; return SQLITE_OK; }
static int at_end(sqlite3_vtab_cursor *cursor) { return ((Cursor *)cursor)->at > ((Table *)cursor->pVtab)->most; }
static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int number) {
  (void)number;
  sqlite3_result_int64(context, ((Cursor *)cursor)->at);
  return SQLITE_OK;
}
static int row(sqlite3_vtab_cursor *cursor, sqlite3_int64 *result) { *result = ((Cursor *)cursor)->at; return SQLITE_OK; }

static sqlite3_module counting = {
    .iVersion = 1, .xCreate = begin, .xConnect = begin, .xBestIndex = plan, .xDisconnect = end, .xDestroy = end,
    .xOpen = open_cursor, .xClose = close_cursor, .xFilter = first, .xNext = next, .xEof = at_end, .xColumn = column,
    .xRowid = row,
};

int shop_begin(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  (void)error;
  SQLITE_EXTENSION_INIT2(api);
  int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int result = sqlite3_create_function_v2(db, "half", 1, flags, NULL, half, NULL, NULL, NULL);
  if (result == SQLITE_OK) result = sqlite3_create_collation_v2(db, "LENGTH", SQLITE_UTF8, NULL, by_length, NULL);
  if (result == SQLITE_OK) result = sqlite3_create_module_v2(db, "counting", &counting, NULL, NULL);
  return result;
}
