/** What generated names are made of. */
export const FIRST_WORDS =
  "Amber Arctic Atlas Aurora Beacon Birch Blue Bold Bright Bronze Cedar Central Clear Cobalt Copper Coral Crescent Crystal Delta Eastern Echo Elm Ember Evergreen Falcon First Flint Forest Fox Frontier Garden Global Golden Granite Green Grand Harbor Hazel Heritage Highland Horizon Indigo Iron Island Ivory Jade Juniper Keystone Lake Liberty Linden Lunar Maple Marble Meadow Meridian Metro Midland Mill Modern Mountain National New Noble North Northern Nova Oak Ocean Olive Orchard Orion Pacific Palm Pearl Pine Pioneer Polar Prairie Prime Quartz Rapid Raven Red Ridge River Rose Royal Ruby Sage Sapphire Silver Solar Southern Spring Sterling Stone Summit Sun Swift".split(
    " ",
  );
export const SECOND_WORDS =
  "Advisors Aerospace Analytics Apparel Architects Automation Bakeries Banking Batteries Biotech Books Brewing Builders Cables Capital Ceramics Chemicals Cleaning Clinics Coffee Components Construction Consulting Controls Cycles Dairy Data Dental Design Devices Diagnostics Education Electric Electronics Energy Engineering Equipment Events Fabrics Farms Fashion Films Finance Fisheries Foods Forestry Freight Furniture Games Glass Grid Hardware Health Hotels Imaging Instruments Insurance Interiors Irrigation Laboratories Learning Leasing Legal Lighting Logistics Machines Marine Markets Materials Media Medical Metals Mining Mobility Motors Music Networks Nutrition Optics Outdoor Packaging Paper Payments Pharma Plastics Power Press Printing Properties Pumps Rail Recycling Research Robotics Security Sensors Shipping Software Sports".split(
    " ",
  );
export const SUFFIXES = "Inc. LLC Ltd. GmbH S.A. Group Holdings Partners & Co. Corp.".split(/ (?!Co\.)/);
export const FIRST_NAMES =
  "Aiko Amara Anders Beatriz Bram Carla Chidi Dalia Dmitri Elena Emeka Fatima Felix Giulia Hana Hugo Ines Ivan Jamal Jana Kamal Katya Lars Leila Luca Maria Mateo Mei Nadia Nils Olga Omar Paula Pedro Priya Rafael Rosa Samir Sofia Tariq Thea Uma Viktor Wanda Xavier Yara Yusuf Zoe".split(
    " ",
  );
export const LAST_NAMES =
  "Adeyemi Almeida Andersson Bauer Becker Bianchi Castillo Chen Costa Dubois Eriksen Fernandez Fischer Garcia Gupta Haddad Hansen Ibrahim Ito Jensen Kaya Keller Khan Kim Kowalski Larsen Lopez Martin Meyer Moreau Nakamura Novak Okafor Olsen Patel Pereira Petrov Ricci Romero Rossi Sato Schmidt Silva Singh Smith Tanaka Vargas Wagner Weber Yilmaz".split(
    " ",
  );
export const STREETS = "Main Station Church Mill Park Harbor King Queen Garden Bridge Market School".split(" ");
export const CITIES: readonly (readonly [city: string, state: string, country: string])[] = [
  ["Springfield", "IL", "USA"],
  ["Austin", "TX", "USA"],
  ["Portland", "OR", "USA"],
  ["Toronto", "ON", "Canada"],
  ["Berlin", "BE", "Germany"],
  ["Lyon", "ARA", "France"],
  ["Leeds", "England", "United Kingdom"],
  ["Porto", "Norte", "Portugal"],
  ["Osaka", "Osaka", "Japan"],
  ["Pune", "MH", "India"],
];
export const INDUSTRIES =
  "Agriculture Banking Construction Education Energy Healthcare Manufacturing Retail Technology".split(" ");
export const PLANS = ["Free", "Starter", "Team", "Business", "Enterprise"] as const;
