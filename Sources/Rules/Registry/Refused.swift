/// Matches and targets of iptables 1.8.9 that are never loaded, each with the reason its user is told.
enum Refused {
    static let matches: [ExtensionDescription] = [
        refuse(.match, "physdev", "bridge ports", "packets do not pass through a bridge here"),
        refuse(.match, "ipvs", "properties of IPVS connections", "there is no IPVS in the packet's way"),
        refuse(.match, "osf", "passive fingerprints of operating systems", "fingerprints are not kept"),
        refuse(
            .match, "cgroup", "the control group of a local process",
            "control groups end where packets leave the kernel"),
        refuse(
            .match, "nfacct", "named accounting objects", "nfacct objects live in the kernel; rule counters count here"),
    ]

    static let targets: [ExtensionDescription] = [
        refuse(.target, "NFQUEUE", "hand the packet to a program", "packets do not pass through user-space queues"),
        refuse(.target, "SECMARK", "security mark of the packet", "packets have no SELinux context here"),
        refuse(.target, "CONNSECMARK", "security mark of the flow", "flows have no SELinux context here"),
        refuse(.target, "IDLETIMER", "tell of idle interfaces", "its notices are files in the kernel's sysfs"),
        refuse(.target, "LED", "blink", "LEDs are the kernel's"),
        refuse(.target, "CLUSTERIP", "share an address among nodes", "the kernel lost it in 6.2; use -m cluster"),
    ]

    private static func refuse(
        _ kind: ExtensionDescription.Kind, _ name: String, _ summary: String, _ reason: String
    ) -> ExtensionDescription {
        ExtensionDescription(
            kind, name, summary: summary, options: [], scope: .packet, status: .refused(reason: reason))
    }

    /// Options of supported extensions that name what there is not.
    static func reason(option name: String) -> String? {
        switch name {
        case "pid-owner", "sid-owner", "cmd-owner":
            "a process is not known to the kernel's own owner match since 2.6.14"
        default: nil
        }
    }
}
