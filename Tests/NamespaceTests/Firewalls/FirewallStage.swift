import TestSupport

/// A namespace in which firewall programs find either the kernel's iptables-legacy or Martlet, by every name and in every place
/// where they look for iptables.
///
/// Some look in PATH, some in /usr/sbin alone and some by the names with -legacy; all of these are links that end at two files of
/// Debian's iptables package. Each script runs with mounts of its own (`ip netns exec` gives it some), in which the program on trial
/// covers these two. So the same script runs on both sides, and neither the machine's rules nor its configuration are touched.
final class FirewallStage {
    let lab: Lab
    let router: RouterUnderTest
    let folder: String

    init(_ kind: RouterKind) throws {
        lab = try Lab(.live())
        // ufw asks this sysctl whether the machine is a router.
        router = try RouterUnderTest(kind, in: lab, setup: RouterSetup(sysctls: ["net.ipv4.ip_forward=1"]))
        folder = try temporaryFolder("firewall")
        let program = kind == .kernel ? "/usr/sbin/xtables-legacy-multi" : try MartletBinary.require()
        // A copy, since what is mounted over could not be the source of the second mount.
        try Program.require(["cp", program, folder + "/multi"])
        try Program.require(["mkdir", folder + "/bin"])
        for family in ["iptables", "ip6tables"] {
            for name in ["", "-save", "-restore", "-legacy", "-legacy-save", "-legacy-restore"] {
                try Program.require(["ln", "-s", "../multi", "\(folder)/bin/\(family)\(name)"])
            }
        }
    }

    deinit { removeFolder(folder) }

    /// Runs a shell script; `$D` is an empty folder for what it needs.
    ///
    /// - Returns: what it printed, without what differs between any two runs: comments with dates, counters, the folder's name.
    func run(_ script: String) throws -> String {
        let opening = """
            set -u
            # ferm and shorewall go through tables in the order of Perl's hashes, which is random.
            export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
            export D=\(folder)/work MARTLET_SOCKET=\(router.socket)
            mkdir -p $D
            mount --bind \(folder)/multi /usr/sbin/xtables-legacy-multi || exit 99
            mount --bind \(folder)/multi /usr/sbin/xtables-nft-multi || exit 99
            export PATH=\(folder)/bin:$PATH
            saved() { iptables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]/[0:0]/'; }

            """
        let result = try Program.run(["sh", "-c", opening + script], in: lab.router, seconds: 120)
        guard result.status == 0 else { throw LabError("ended with \(result.status)\n\(result.output)\(result.errors)") }
        return result.output
    }
}
