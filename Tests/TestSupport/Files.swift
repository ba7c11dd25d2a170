import Glibc

/// Makes an empty folder under the system's temporary one.
public func temporaryFolder(_ name: String) throws -> String {
    var template = Array("/tmp/\(name)-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw LabError("no temporary folder: errno \(errno)") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Writes a whole file.
public func writeFile(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard file >= 0 else { throw LabError("cannot write \(path): errno \(errno)") }
    defer { close(file) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard count > 0 else { throw LabError("cannot write \(path): errno \(errno)") }
        bytes = bytes.dropFirst(count)
    }
}

/// Reads a whole file.
public func readFile(_ path: String) throws -> [UInt8] {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw LabError("cannot read \(path): errno \(errno)") }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = unsafe read(file, &buffer, buffer.count)
        guard count >= 0 else { throw LabError("cannot read \(path): errno \(errno)") }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
    }
}

/// Names of the files in a folder, sorted.
public func filesIn(_ path: String) throws -> [String] {
    guard let folder = unsafe opendir(path) else { throw LabError("cannot list \(path): errno \(errno)") }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Removes a folder made by `temporaryFolder` with the files in it.
public func removeFolder(_ path: String) {
    for name in (try? filesIn(path)) ?? [] { unsafe unlink(path + "/" + name) }
    unsafe rmdir(path)
}
