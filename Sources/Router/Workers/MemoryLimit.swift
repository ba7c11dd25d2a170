import Control
import Glibc

/// How much memory this process may have at the most.
enum MemoryLimit {
    /// The machine's memory, or less where a control group says so (`memory.max`; Documentation/admin-guide/cgroup-v2.rst).
    static func bytes() -> Int {
        let machine = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        let groups = (try? TextFile.read("/proc/self/cgroup")) ?? ""
        return least(machine: machine, groups: groups) { try? TextFile.read($0) }
    }

    /// The least limit of a control group and those around it.
    ///
    /// - Parameter groups: /proc/self/cgroup, in which version 2 is the line that begins with `0::`.
    static func least(machine: Int, groups: String, read: (String) -> String?) -> Int {
        guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return machine }
        var least = machine
        var path = line.dropFirst(3)
        while !path.isEmpty {
            let text = read("/sys/fs/cgroup\(path == "/" ? "" : path)/memory.max") ?? ""
            // "max" if there is none.
            if let limit = text.split(whereSeparator: \.isWhitespace).first.flatMap({ Int($0) }) { least = min(least, limit) }
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return least
    }
}
