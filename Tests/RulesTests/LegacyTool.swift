import Foundation
import Glibc
import Net

/// iptables-legacy and ipset of this machine, in a network namespace of their own.
///
/// Where one of them or the privilege is missing the tests that need them are left out, but not where the environment
/// says CI: there it is an error.
struct LegacyTool {
    struct Result {
        var exitCode: Int32
        var output: String
        var errors: String
    }

    static let isAvailable: Bool =
        geteuid() == 0
        && ["ip", "iptables-legacy", "iptables-legacy-save", "iptables-legacy-restore", "ipset"].allSatisfy { name in
            ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"].contains {
                FileManager.default.isExecutableFile(atPath: $0 + name)
            }
        }

    static let isRequired = ProcessInfo.processInfo.environment["CI"] != nil

    /// Whether tests that compare with the real tools are to run.
    static let isWanted = isAvailable || isRequired

    let namespace: String

    /// Runs the body with a fresh namespace and removes it afterwards.
    static func with<T>(_ body: (LegacyTool) throws -> T) throws -> T {
        guard isAvailable else { throw Missing() }
        let tool = LegacyTool(namespace: "martlet-rules-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
        _ = try run(["ip", "netns", "add", tool.namespace])
        defer { _ = try? run(["ip", "netns", "del", tool.namespace]) }
        return try body(tool)
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String {
            "iptables-legacy, ipset, ip or root is missing: apt-get install iptables ipset iproute2"
        }
    }

    func callAsFunction(_ arguments: [String], input: String = "") throws -> Result {
        try Self.run(["ip", "netns", "exec", namespace] + arguments, input: input)
    }

    /// Runs a command with files for its standard streams: unlike pipes they cannot be inherited by another test's
    /// child and then never close.
    private static func run(_ arguments: [String], input: String = "") throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-rules-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let paths = ["in", "out", "err"].map { folder.appendingPathComponent($0).path }
        try Data(input.keptBytes).write(to: URL(fileURLWithPath: paths[0]))

        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, paths[0], O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, paths[1], O_WRONLY | O_CREAT, 0o600)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, paths[2], O_WRONLY | O_CREAT, 0o600)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let code = unsafe posix_spawnp(&child, arguments[0], &actions, nil, &words, environ)
        guard code == 0 else { throw Missing() }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
        return Result(
            exitCode: status >> 8 & 0xFF,
            output: String(keeping: Array(try Data(contentsOf: URL(fileURLWithPath: paths[1])))),
            errors: String(keeping: Array(try Data(contentsOf: URL(fileURLWithPath: paths[2])))))
    }

    /// The rules of a table as iptables-legacy-save prints them, without comments.
    func saved(table: String) throws -> String {
        try self(["iptables-legacy-save", "-t", table]).output.split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0 + "\n" }.joined()
    }
}
