import Control
import Glibc
import Net

/// Files that are there wholly or as they were: written beside, then renamed.
enum AtomicFile {
    /// Puts a text in a file's place. A file that is there keeps its mode and its owner; a link stays, and the file it leads to is
    /// replaced. A new file is its owner's alone.
    ///
    /// - Throws: what the system refused; the file is as it was then.
    static func write(_ text: String, to path: String) throws(Failure) {
        let path = target(of: path)
        var former = stat()
        let exists = unsafe stat(path, &former) == 0
        if exists, former.st_mode & S_IFMT != S_IFREG { throw Failure("\(path): is no regular file") }
        var name = Array("\(path).XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&name)
        guard descriptor >= 0 else { throw Failure("\(path): cannot be written: \(systemErrorText(errno))") }
        let temporary = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { close(descriptor) }
        do throws(Failure) {
            if exists {
                _ = fchown(descriptor, former.st_uid, former.st_gid)
                try check(fchmod(descriptor, former.st_mode & 0o7777), path)
            }
            try write(text.keptBytes, descriptor, path)
            try check(fsync(descriptor), path)
            try check(unsafe rename(temporary, path), path)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    private static func target(of path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32, _ path: String) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            try check(count < 0 ? -1 : 0, path)
            done += count
        }
    }

    private static func check(_ result: Int32, _ path: String) throws(Failure) {
        if result != 0 { throw Failure("\(path): cannot be written: \(systemErrorText(errno))") }
    }
}
