//! Every family that the box answers, in the order of docs/metrics.md. What is missing has no sample; a family without
//! a sample is not there.

use super::exposition::{Family, Kind};

/// A family as the document lists it.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name.
    pub(super) name: &'static str,
    /// `gauge` or `counter`.
    pub(super) kind: &'static str,
    /// Its labels' names.
    pub(super) labels: &'static [&'static str],
}

macro_rules! families {
    ($($id:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $id: Family<{ <[&str]>::len(&[$($label),*]) }> = Family {
                name: $name,
                kind: Kind::$kind,
                labels: [$($label),*],
                help: $help,
            };
        )*
        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Listed] = &[
            $(Listed { name: $name, kind: Kind::$kind.name(), labels: &$id.labels },)*
        ];
    };
}

families! {
    BUILD Gauge "spanwatch_build_info" ["version", "role", "hostname", "slot", "serial"] "Always 1: the firmware that runs, and on which box.";
    SERVICE_UP Gauge "spanwatch_service_up" ["service"] "Whether a program answered all that this scrape asked it, in time: 1 or 0.";
    LEFT_OUT Gauge "spanwatch_samples_left_out" [] "Samples that were more than a scrape holds.";

    UPTIME Gauge "spanwatch_uptime_seconds" [] "Since the kernel started.";
    CLOCK_SYNCHRONISED Gauge "spanwatch_clock_synchronised" [] "Whether a time server keeps the clock: 1 or 0.";
    TROUBLES Gauge "spanwatch_troubles" [] "Things that want attention, as the system page lists them.";
    LOAD Gauge "spanwatch_load_average" ["minutes"] "Load average.";
    CPU_USED Gauge "spanwatch_cpu_used_ratio" [] "Share of processor time in use, of the last 2 s.";
    MEMORY_TOTAL Gauge "spanwatch_memory_size_bytes" [] "Memory of the box.";
    MEMORY_AVAILABLE Gauge "spanwatch_memory_available_bytes" [] "Memory that programs could still get.";
    MEMORY_OURS Gauge "spanwatch_memory_programs_bytes" [] "Resident memory of the programs of this firmware.";
    FILESYSTEM_SIZE Gauge "spanwatch_filesystem_size_bytes" ["mount"] "Size of a file system.";
    FILESYSTEM_AVAILABLE Gauge "spanwatch_filesystem_available_bytes" ["mount"] "What of it is free for programs.";
    FILESYSTEM_READ_ONLY Gauge "spanwatch_filesystem_read_only" ["mount"] "Whether it is read-only: 1 or 0.";
    UNIT_ACTIVE Gauge "spanwatch_unit_active" ["unit"] "Whether systemd calls the unit active: 1 or 0.";
    UNIT_RESTARTS Counter "spanwatch_unit_restarts_total" ["unit"] "How often systemd restarted it.";
    UNIT_MEMORY Gauge "spanwatch_unit_memory_bytes" ["unit"] "Memory of its control group.";
    UNIT_CPU Counter "spanwatch_unit_cpu_seconds_total" ["unit"] "Processor time of its control group.";
    PORT_UP Gauge "spanwatch_port_up" ["port", "role"] "Whether a network port has carrier: 1 or 0.";
    PORT_SPEED Gauge "spanwatch_port_speed_bytes_per_second" ["port", "role"] "Its speed: 125000000 is 1 Gbit/s.";
    FILTERED Counter "spanwatch_filter_datagrams_total" ["verdict"] "Datagrams to the ports for exporters, by what the packet filter did.";
    SLOT Gauge "spanwatch_firmware_slot_info" ["slot", "version", "running"] "Always 1: what is in a root slot.";
    BOOTS Counter "spanwatch_firmware_boots_total" ["reason"] "Starts of the box over its life.";
    FIRMWARE_HEALTH Gauge "spanwatch_firmware_health" ["state"] "What the health gate says of this start: 1 for the state that holds, else 0.";
    FIRMWARE_UPDATE Gauge "spanwatch_firmware_update" ["state"] "What is on its way: 1 for the state that holds, else 0.";

    ALARMS Gauge "spanwatch_alarms" ["severity", "acknowledged"] "Open alarms.";

    CAPTURE_UP Gauge "spanwatch_capture_up" ["port", "link"] "Whether packets are captured on the port: 1 or 0.";
    CAPTURE_LINK_UP Gauge "spanwatch_capture_link_up" ["port", "link"] "Whether the capture port has carrier: 1 or 0.";
    CAPTURE_CAPACITY Gauge "spanwatch_capture_capacity_bytes_per_second" ["port", "link"] "The link's capacity, by settings or by the port's speed.";
    CAPTURE_PACKETS Counter "spanwatch_capture_packets_total" ["port", "link", "direction"] "Frames that were seen; other are those that go neither in nor out.";
    CAPTURE_BYTES Counter "spanwatch_capture_bytes_total" ["port", "link", "direction"] "Their octets, without FCS.";
    CAPTURE_BROADCAST Counter "spanwatch_capture_broadcast_packets_total" ["port", "link"] "Broadcast frames.";
    CAPTURE_MULTICAST Counter "spanwatch_capture_multicast_packets_total" ["port", "link"] "Multicast frames.";
    CAPTURE_NON_IP Counter "spanwatch_capture_non_ip_packets_total" ["port", "link"] "Frames that are not IP.";
    CAPTURE_MALFORMED Counter "spanwatch_capture_malformed_packets_total" ["port", "link", "kind"] "Frames that could not be dissected.";
    CAPTURE_SIZES Counter "spanwatch_capture_packets_by_size_total" ["port", "link", "size"] "Frames by their octets on the wire, FCS included.";
    CAPTURE_DROPPED Counter "spanwatch_capture_dropped_packets_total" ["port", "link", "cause"] "Frames that were lost: ring by the kernel, nic by the card or its driver.";
    CAPTURE_NIC_ERRORS Counter "spanwatch_capture_nic_errors_total" ["port", "link"] "Frames with errors that the card saw.";
    CAPTURE_NIC_KINDS Counter "spanwatch_capture_nic_errors_by_kind_total" ["port", "link", "kind"] "What the card counts of frames that it could not hand over whole; part of it is in other families.";
    CAPTURE_LOST_RECORDS Counter "spanwatch_capture_lost_records_total" ["port", "link", "cause"] "Flow records that were lost: queue before they were encoded, spool before the analyzer had them.";
    CAPTURE_LOST_LOGS Counter "spanwatch_capture_lost_log_lines_total" ["port", "link"] "Application log lines that were not kept.";
    CAPTURE_EVICTIONS Counter "spanwatch_capture_flow_evictions_total" ["port", "link"] "Flows that were closed early because the flow table was full.";
    RING_PACKETS Counter "spanwatch_capture_ring_packets_total" ["port", "ring"] "Frames that came to a ring, lost ones included, since the port was opened.";
    RING_DROPPED Counter "spanwatch_capture_ring_dropped_packets_total" ["port", "ring"] "Frames that the kernel dropped because the ring was full.";
    RING_FREEZES Counter "spanwatch_capture_ring_freezes_total" ["port", "ring"] "How often the ring was full.";
    RING_FLOWS Gauge "spanwatch_capture_ring_flows" ["port", "ring"] "Flows in its table.";
    RING_MEMORY Gauge "spanwatch_capture_ring_memory_bytes" ["port", "ring"] "Memory of the ring.";
    COLLECTOR_START Gauge "spanwatch_collector_start_time_seconds" [] "When the collector started, since 1970: its counters began anew.";
    COLLECTOR_CONNECTED Gauge "spanwatch_collector_connected" [] "Whether the collector is connected to the analyzer: 1 or 0.";
    FLOWS Gauge "spanwatch_flows" [] "Flows in the tables.";
    FLOWS_MAX Gauge "spanwatch_flows_max" [] "Flows that the tables can hold.";
    RECORDS_MADE Counter "spanwatch_records_made_total" [] "Flow records that the collector made.";
    RECORDS_WAITING Gauge "spanwatch_records_unacknowledged" [] "Records that the analyzer has not acknowledged yet.";
    SPOOL Gauge "spanwatch_spool_bytes" [] "What of them is spooled on the disk.";

    EXPORTER_ENABLED Gauge "spanwatch_exporter_enabled" ["exporter"] "Whether the exporter is enabled in the settings: 1 or 0.";
    EXPORTER_SEEN Gauge "spanwatch_exporter_last_seen_timestamp_seconds" ["exporter"] "When its last datagram came, since 1970.";
    EXPORTER_DATAGRAMS Counter "spanwatch_exporter_datagrams_total" ["exporter"] "Its datagrams.";
    EXPORTER_BYTES Counter "spanwatch_exporter_bytes_total" ["exporter"] "Their octets.";
    EXPORTER_RECORDS Counter "spanwatch_exporter_records_total" ["exporter"] "Its flow records or flow samples.";
    EXPORTER_MESSAGES Counter "spanwatch_exporter_messages_total" ["exporter"] "Its log messages and traps.";
    EXPORTER_LOST Counter "spanwatch_exporter_lost_total" ["exporter"] "Records or datagrams that never came, by the sequence numbers.";
    EXPORTER_ERRORS Counter "spanwatch_exporter_decode_errors_total" ["exporter"] "What could not be decoded.";
    EXPORTER_TEMPLATES Gauge "spanwatch_exporter_templates" ["exporter"] "Templates that are known.";
    SNMP_UP Gauge "spanwatch_exporter_snmp_up" ["exporter"] "Whether its SNMP agent answers without a trouble: 1 or 0.";
    SNMP_REQUESTS Counter "spanwatch_exporter_snmp_requests_total" ["exporter"] "Requests to its agent.";
    SNMP_TIMEOUTS Counter "spanwatch_exporter_snmp_timeouts_total" ["exporter"] "Requests that were not answered in time.";
    SNMP_ROUND_TRIP Gauge "spanwatch_exporter_snmp_round_trip_seconds" ["exporter"] "The last round trip.";
    SOCKET_DATAGRAMS Counter "spanwatch_socket_datagrams_total" ["purpose", "address"] "Datagrams or messages that were received.";
    SOCKET_DROPPED Counter "spanwatch_socket_dropped_datagrams_total" ["purpose", "address"] "Datagrams that the kernel dropped because the buffer was full.";
    SOCKET_UNREGISTERED Counter "spanwatch_socket_unregistered_datagrams_total" ["purpose", "address"] "Datagrams of senders that are not registered.";
    PENDING Gauge "spanwatch_pending_senders" [] "Senders that are not registered, while discovery is on.";

    ANALYZER_START Gauge "spanwatch_analyzer_start_time_seconds" [] "When the analyzer started, since 1970: its counters began anew.";
    STORING Gauge "spanwatch_store_working" [] "Whether the analyzer stores what comes: 1 or 0.";
    COLLECTORS Gauge "spanwatch_store_collectors" [] "Collectors that are connected.";
    STORED_RECORDS Counter "spanwatch_store_records_total" [] "Flow records that were stored.";
    STORED_BLOCKS Counter "spanwatch_store_blocks_total" [] "Blocks that were stored.";
    BATCHES Counter "spanwatch_store_batches_not_taken_total" ["reason"] "Batches that came twice, were damaged, or were put off because nothing could be stored.";
    NEWEST Gauge "spanwatch_store_newest_window_timestamp_seconds" [] "The end of the newest window, since 1970.";
    OLDEST Gauge "spanwatch_store_oldest_window_timestamp_seconds" [] "The start of the oldest window that is kept, since 1970.";
    STORE_DISK Gauge "spanwatch_store_disk_size_bytes" [] "Size of the store's disk.";
    STORE_FREE Gauge "spanwatch_store_disk_free_bytes" [] "What of it is free.";
    STORE_USED Gauge "spanwatch_store_disk_used_bytes" [] "What of it is in use.";
    STORE_FULL Gauge "spanwatch_store_disk_full_ratio" [] "The share in use from which on the oldest is removed.";
    CLASS_BYTES Gauge "spanwatch_store_class_bytes" ["class"] "What a class of data takes.";
    CLASS_RECORDS Gauge "spanwatch_store_class_records" ["class"] "Flow records or log records of it.";
    CLASS_OLDEST Gauge "spanwatch_store_class_oldest_timestamp_seconds" ["class"] "The start of the oldest of it, since 1970.";
    NOT_INDEXED Gauge "spanwatch_store_not_indexed_seconds" [] "Whole hours that are over and not in the index yet.";
    DAMAGED Gauge "spanwatch_store_damaged_files" [] "Files that were set aside because they were damaged.";

    HARDWARE_HEALTH Gauge "spanwatch_hardware_health" ["state"] "How the hardware is: 1 for the state that holds, else 0.";
    HARDWARE_SOURCE Gauge "spanwatch_hardware_source_up" ["source"] "Whether who is asked for readings answers in full: 1 or 0.";
    PART Gauge "spanwatch_hardware_part_state" ["part", "kind", "label", "state"] "How a bay, supply, fan or port is: 1 for the state that holds, else 0.";
    SENSOR_STATE Gauge "spanwatch_sensor_state" ["sensor", "name", "component"] "How a reading is: 0 ok, 1 warning, 2 critical.";
    CELSIUS Gauge "spanwatch_sensor_temperature_celsius" ["sensor", "name", "component"] "A temperature.";
    RPM Gauge "spanwatch_sensor_fan_speed_rpm" ["sensor", "name", "component"] "Revolutions a minute.";
    VOLTS Gauge "spanwatch_sensor_voltage_volts" ["sensor", "name", "component"] "A voltage.";
    AMPERES Gauge "spanwatch_sensor_current_amperes" ["sensor", "name", "component"] "A current.";
    WATTS Gauge "spanwatch_sensor_power_watts" ["sensor", "name", "component"] "A power.";
    JOULES Counter "spanwatch_sensor_energy_joules_total" ["sensor", "name", "component"] "An energy.";
    RATIO Gauge "spanwatch_sensor_ratio" ["sensor", "name", "component"] "A share of something, or a relative humidity.";
    EVENTS Counter "spanwatch_sensor_events_total" ["sensor", "name", "component"] "Events since some beginning: memory errors, port errors.";
    SECONDS Gauge "spanwatch_sensor_duration_seconds" ["sensor", "name", "component"] "A time.";
    AMOUNT Gauge "spanwatch_sensor_amount_bytes" ["sensor", "name", "component"] "An amount of data.";
    HERTZ Gauge "spanwatch_sensor_frequency_hertz" ["sensor", "name", "component"] "A frequency.";
    FLAG Gauge "spanwatch_sensor_flag" ["sensor", "name", "component"] "Something that is (1) or is not (0).";
    VALUE Gauge "spanwatch_sensor_value" ["sensor", "name", "component"] "A number of the management controller whose unit we do not have, or that has none.";
    RAID_MISSING Gauge "spanwatch_raid_missing_members" ["array"] "Members that an array lacks.";
    RAID_WORKS Gauge "spanwatch_raid_works" ["array"] "Whether the array works: 1 or 0.";
    RAID_SYNC Gauge "spanwatch_raid_sync_ratio" ["array"] "How far a rebuild or a check is, while there is one.";
    RAID_MEMBER Gauge "spanwatch_raid_member_works" ["array", "member"] "Whether a member has not failed: 1 or 0.";
    DRIVE Gauge "spanwatch_drive_info" ["drive", "bay", "model", "serial", "firmware", "protocol"] "Always 1: who a drive is.";
    DRIVE_HEALTH Gauge "spanwatch_drive_health" ["drive", "bay", "state"] "How it is: 1 for the state that holds, else 0.";
    DRIVE_CELSIUS Gauge "spanwatch_drive_temperature_celsius" ["drive", "bay"] "Its temperature.";
    DRIVE_POWER_ON Counter "spanwatch_drive_power_on_seconds_total" ["drive", "bay"] "Its time of service.";
    DRIVE_USED Gauge "spanwatch_drive_life_used_ratio" ["drive", "bay"] "The part of its rated life that is used up; beyond 1 it works on borrowed time.";
    DRIVE_CAPACITY Gauge "spanwatch_drive_size_bytes" ["drive", "bay"] "Its size.";
    DRIVE_ERRORS Gauge "spanwatch_drive_errors" ["drive", "bay", "kind"] "What it counts of sectors and errors, by kind; sectors that wait can become fewer.";
}
