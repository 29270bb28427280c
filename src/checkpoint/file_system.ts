// The file access that checkpoints need, so that they can be read from and written to other places than a disk.

/** A file that is open for reading. Disposing it closes it. */
export interface ReadableFile extends Disposable {
  /** Its length in bytes. */
  readonly size: number;
  /** The bytes from `begin` to before `end`; fewer if the file was cut off. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Files by their paths. */
export interface FileSystem {
  /** Opens a file. @throws {Error} if there is none */
  open(path: string): Promise<ReadableFile>;
  /** Whether there is a file or folder at `path`. */
  has(path: string): Promise<boolean>;
  /** The names of files and folders in a folder, in order. @throws {Error} if there is none */
  names(folder: string): Promise<readonly string[]>;
  /** A whole file as UTF-8 text. @throws {Error} if there is none */
  readText(path: string): Promise<string>;
  /** Makes a folder and its parent folders, if they are missing. */
  makeFolder(path: string): Promise<void>;
  /** Writes a file in pieces, replacing one that exists. If a piece throws, nothing is written and an existing file stays. */
  write(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
}
